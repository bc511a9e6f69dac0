-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateTable
CREATE TABLE "Fleet" (
    "name" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Fleet_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "EnrolmentToken" (
    "secretSha256" TEXT NOT NULL,
    "fleetName" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "usedAt" TIMESTAMPTZ(3),
    "usedByDevice" TEXT,

    CONSTRAINT "EnrolmentToken_pkey" PRIMARY KEY ("secretSha256")
);

-- CreateTable
CREATE TABLE "Device" (
    "id" TEXT NOT NULL,
    "fleetName" TEXT NOT NULL,
    "nkey" TEXT NOT NULL,
    "epoch" TEXT NOT NULL,
    "deviceKind" TEXT NOT NULL,
    "engine" TEXT NOT NULL,
    "memory" INTEGER NOT NULL,
    "enrolledAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "revokedAt" TIMESTAMPTZ(3),
    "lastSeenAt" TIMESTAMPTZ(3),
    "releaseSequence" INTEGER NOT NULL DEFAULT 0,
    "state" TEXT NOT NULL DEFAULT 'idle',
    "reason" TEXT NOT NULL DEFAULT 'none',
    "pollSequence" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "Device_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "RegisteredModel" (
    "name" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "RegisteredModel_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "ModelVersion" (
    "sequence" INTEGER NOT NULL,
    "modelName" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "manifestSha256" TEXT NOT NULL,
    "featureIdentity" TEXT NOT NULL,
    "issuedAt" TIMESTAMPTZ(3) NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ModelVersion_pkey" PRIMARY KEY ("sequence")
);

-- CreateTable
CREATE TABLE "ModelArtifact" (
    "releaseSequence" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "sha256" TEXT NOT NULL,
    "sizeBytes" INTEGER NOT NULL,

    CONSTRAINT "ModelArtifact_pkey" PRIMARY KEY ("releaseSequence","name")
);

-- CreateTable
CREATE TABLE "Rollout" (
    "id" UUID NOT NULL,
    "fleetName" TEXT NOT NULL,
    "releaseSequence" INTEGER NOT NULL,
    "status" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "endedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Rollout_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Report" (
    "deviceId" TEXT NOT NULL,
    "epoch" TEXT NOT NULL,
    "sequence" INTEGER NOT NULL,
    "type" TEXT NOT NULL,
    "releaseSequence" INTEGER NOT NULL,
    "body" JSONB NOT NULL,
    "sizeBytes" INTEGER NOT NULL,
    "bodySha256" TEXT NOT NULL,
    "streamSequence" BIGINT NOT NULL,
    "receivedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Report_pkey" PRIMARY KEY ("deviceId","epoch","sequence")
);

-- CreateTable
CREATE TABLE "DeadLetter" (
    "id" UUID NOT NULL,
    "reason" TEXT NOT NULL,
    "sizeBytes" INTEGER NOT NULL,
    "sha256" TEXT NOT NULL,
    "subjectDevice" TEXT,
    "streamSequence" BIGINT NOT NULL,
    "receivedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "DeadLetter_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ReportConflict" (
    "id" UUID NOT NULL,
    "deviceId" TEXT NOT NULL,
    "epoch" TEXT NOT NULL,
    "sequence" INTEGER NOT NULL,
    "sizeBytes" INTEGER NOT NULL,
    "bodySha256" TEXT NOT NULL,
    "streamSequence" BIGINT NOT NULL,
    "receivedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ReportConflict_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "EnrolmentToken_usedByDevice_key" ON "EnrolmentToken"("usedByDevice");

-- CreateIndex
CREATE INDEX "EnrolmentToken_fleetName_idx" ON "EnrolmentToken"("fleetName");

-- CreateIndex
CREATE UNIQUE INDEX "Device_nkey_key" ON "Device"("nkey");

-- CreateIndex
CREATE INDEX "Device_fleetName_idx" ON "Device"("fleetName");

-- CreateIndex
CREATE UNIQUE INDEX "ModelVersion_manifestSha256_key" ON "ModelVersion"("manifestSha256");

-- CreateIndex
CREATE UNIQUE INDEX "ModelVersion_modelName_version_key" ON "ModelVersion"("modelName", "version");

-- CreateIndex
CREATE INDEX "Rollout_fleetName_createdAt_idx" ON "Rollout"("fleetName", "createdAt");

-- CreateIndex
CREATE INDEX "Report_receivedAt_idx" ON "Report"("receivedAt");

-- CreateIndex
CREATE UNIQUE INDEX "DeadLetter_streamSequence_sha256_key" ON "DeadLetter"("streamSequence", "sha256");

-- CreateIndex
CREATE UNIQUE INDEX "ReportConflict_deviceId_epoch_sequence_bodySha256_key" ON "ReportConflict"("deviceId", "epoch", "sequence", "bodySha256");

-- AddForeignKey
ALTER TABLE "EnrolmentToken" ADD CONSTRAINT "EnrolmentToken_fleetName_fkey" FOREIGN KEY ("fleetName") REFERENCES "Fleet"("name") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "EnrolmentToken" ADD CONSTRAINT "EnrolmentToken_usedByDevice_fkey" FOREIGN KEY ("usedByDevice") REFERENCES "Device"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Device" ADD CONSTRAINT "Device_fleetName_fkey" FOREIGN KEY ("fleetName") REFERENCES "Fleet"("name") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ModelVersion" ADD CONSTRAINT "ModelVersion_modelName_fkey" FOREIGN KEY ("modelName") REFERENCES "RegisteredModel"("name") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ModelArtifact" ADD CONSTRAINT "ModelArtifact_releaseSequence_fkey" FOREIGN KEY ("releaseSequence") REFERENCES "ModelVersion"("sequence") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Rollout" ADD CONSTRAINT "Rollout_fleetName_fkey" FOREIGN KEY ("fleetName") REFERENCES "Fleet"("name") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Rollout" ADD CONSTRAINT "Rollout_releaseSequence_fkey" FOREIGN KEY ("releaseSequence") REFERENCES "ModelVersion"("sequence") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Report" ADD CONSTRAINT "Report_deviceId_fkey" FOREIGN KEY ("deviceId") REFERENCES "Device"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
