-- AlterTable
ALTER TABLE "ModelVersion" ADD COLUMN     "note" TEXT NOT NULL DEFAULT '',
ADD COLUMN     "tags" TEXT[] DEFAULT ARRAY[]::TEXT[];

-- CreateTable
CREATE TABLE "ModelAlias" (
    "modelName" TEXT NOT NULL,
    "alias" TEXT NOT NULL,
    "releaseSequence" INTEGER NOT NULL,
    "changedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ModelAlias_pkey" PRIMARY KEY ("modelName","alias")
);

-- CreateIndex
CREATE INDEX "ModelAlias_releaseSequence_idx" ON "ModelAlias"("releaseSequence");

-- AddForeignKey
ALTER TABLE "ModelAlias" ADD CONSTRAINT "ModelAlias_modelName_fkey" FOREIGN KEY ("modelName") REFERENCES "RegisteredModel"("name") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ModelAlias" ADD CONSTRAINT "ModelAlias_releaseSequence_fkey" FOREIGN KEY ("releaseSequence") REFERENCES "ModelVersion"("sequence") ON DELETE RESTRICT ON UPDATE CASCADE;
