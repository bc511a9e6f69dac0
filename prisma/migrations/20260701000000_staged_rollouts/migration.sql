-- AlterTable
ALTER TABLE "Rollout" ADD COLUMN     "completeness" DOUBLE PRECISION NOT NULL DEFAULT 0.6,
ADD COLUMN     "deadlineMs" BIGINT NOT NULL DEFAULT 777600000,
ADD COLUMN     "failureLimit" DOUBLE PRECISION NOT NULL DEFAULT 0.2,
ADD COLUMN     "fallbackSequence" INTEGER,
ADD COLUMN     "harmBound" DOUBLE PRECISION NOT NULL DEFAULT 0.2,
ADD COLUMN     "harmNextRank" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "harmVerdicts" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "harmWorse" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "intake" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "revertsTo" INTEGER;

-- CreateTable
CREATE TABLE "RolloutGroup" (
    "rolloutId" UUID NOT NULL,
    "index" INTEGER NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'waiting',
    "deadlineAt" TIMESTAMPTZ(3),
    "acceptedFailures" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "RolloutGroup_pkey" PRIMARY KEY ("rolloutId","index")
);

-- CreateTable
CREATE TABLE "Assignment" (
    "rolloutId" UUID NOT NULL,
    "deviceId" TEXT NOT NULL,
    "group" INTEGER NOT NULL,
    "rank" INTEGER NOT NULL,
    "state" TEXT NOT NULL,
    "verdict" TEXT,
    "offeredAt" TIMESTAMPTZ(3),
    "deadlineAt" TIMESTAMPTZ(3),
    "failures" INTEGER NOT NULL DEFAULT 0,
    "judgedState" TEXT NOT NULL DEFAULT 'unknown',
    "hasRun" BOOLEAN NOT NULL DEFAULT false,
    "fellBack" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "Assignment_pkey" PRIMARY KEY ("rolloutId","deviceId")
);

-- CreateTable
CREATE TABLE "Lease" (
    "name" TEXT NOT NULL,
    "holder" TEXT NOT NULL,
    "fence" BIGINT NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Lease_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "RolloutPlan" (
    "hash" TEXT NOT NULL,
    "rolloutId" UUID NOT NULL,
    "fleetName" TEXT NOT NULL,
    "request" JSONB NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "RolloutPlan_pkey" PRIMARY KEY ("hash")
);

-- CreateIndex
CREATE UNIQUE INDEX "Assignment_rolloutId_rank_key" ON "Assignment"("rolloutId", "rank");

-- CreateIndex
CREATE INDEX "Assignment_deviceId_idx" ON "Assignment"("deviceId");

-- AddForeignKey
ALTER TABLE "Rollout" ADD CONSTRAINT "Rollout_fallbackSequence_fkey" FOREIGN KEY ("fallbackSequence") REFERENCES "ModelVersion"("sequence") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "RolloutGroup" ADD CONSTRAINT "RolloutGroup_rolloutId_fkey" FOREIGN KEY ("rolloutId") REFERENCES "Rollout"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Assignment" ADD CONSTRAINT "Assignment_rolloutId_fkey" FOREIGN KEY ("rolloutId") REFERENCES "Rollout"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Assignment" ADD CONSTRAINT "Assignment_deviceId_fkey" FOREIGN KEY ("deviceId") REFERENCES "Device"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "RolloutPlan" ADD CONSTRAINT "RolloutPlan_fleetName_fkey" FOREIGN KEY ("fleetName") REFERENCES "Fleet"("name") ON DELETE RESTRICT ON UPDATE CASCADE;

-- The verdicts on a release, among reports of all types. Prisma's schema cannot state the condition.
CREATE INDEX "Report_verdict_idx" ON "Report"("releaseSequence") WHERE "type" = 'report.verdict';

-- A rollout from before went to its whole fleet at once, and to devices that enrolled later: it is one group that has
-- passed. Its devices keep their target, and are not judged.
UPDATE "Rollout" SET "intake" = true;

INSERT INTO "RolloutGroup" ("rolloutId", "index", "state") SELECT "id", 0, 'passed' FROM "Rollout";

INSERT INTO "Assignment" ("rolloutId", "deviceId", "group", "rank", "state", "offeredAt", "hasRun")
SELECT rollout."id", device."id", 0,
  row_number() OVER (PARTITION BY rollout."id" ORDER BY device."enrolledAt", device."id") - 1,
  CASE
    WHEN device."revokedAt" IS NOT NULL THEN 'removed'
    WHEN device."releaseSequence" = rollout."releaseSequence" THEN 'succeeded'
    ELSE 'unreached'
  END,
  CASE WHEN device."offeredSequence" = rollout."releaseSequence" THEN rollout."createdAt" END,
  device."releaseSequence" = rollout."releaseSequence"
FROM "Rollout" rollout JOIN "Device" device ON device."fleetName" = rollout."fleetName"
WHERE rollout."status" = 'active';

UPDATE "Rollout" SET "status" = 'completed', "endedAt" = CURRENT_TIMESTAMP WHERE "status" = 'active';
