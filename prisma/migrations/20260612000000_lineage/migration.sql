-- AlterTable
ALTER TABLE "ModelVersion" ADD COLUMN     "lineage" JSONB;
