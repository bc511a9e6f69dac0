-- AlterTable
ALTER TABLE "Device" ADD COLUMN     "prefixedPolls" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "targetNumber" BIGINT NOT NULL DEFAULT 0;

-- CreateTable
CREATE TABLE "DeviceEpoch" (
    "deviceId" TEXT NOT NULL,
    "epoch" TEXT NOT NULL,
    "begunAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "DeviceEpoch_pkey" PRIMARY KEY ("deviceId","epoch")
);

-- AddForeignKey
ALTER TABLE "DeviceEpoch" ADD CONSTRAINT "DeviceEpoch_deviceId_fkey" FOREIGN KEY ("deviceId") REFERENCES "Device"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- The epoch that each device enrolled with.
INSERT INTO "DeviceEpoch" ("deviceId", "epoch", "begunAt") SELECT "id", "epoch", "enrolledAt" FROM "Device";
