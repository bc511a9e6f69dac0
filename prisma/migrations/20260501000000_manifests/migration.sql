-- AlterTable
ALTER TABLE "Device" ADD COLUMN     "offeredManifest" INTEGER NOT NULL DEFAULT 1,
ADD COLUMN     "offeredSequence" INTEGER NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "ModelVersion" ADD COLUMN     "manifest2Sha256" TEXT,
ALTER COLUMN "manifestSha256" DROP NOT NULL;

-- CreateIndex
CREATE UNIQUE INDEX "ModelVersion_manifest2Sha256_key" ON "ModelVersion"("manifest2Sha256");
