-- AlterTable
ALTER TABLE "ModelVersion" ADD COLUMN     "collectedAt" TIMESTAMPTZ(3);
