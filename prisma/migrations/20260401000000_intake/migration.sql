-- CreateTable
CREATE TABLE "DeadLetterCount" (
    "subjectDevice" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "count" BIGINT NOT NULL,

    CONSTRAINT "DeadLetterCount_pkey" PRIMARY KEY ("subjectDevice","reason")
);

-- CreateTable
CREATE TABLE "DeviceIntake" (
    "deviceId" TEXT NOT NULL,
    "day" INTEGER NOT NULL,
    "taken" INTEGER NOT NULL,

    CONSTRAINT "DeviceIntake_pkey" PRIMARY KEY ("deviceId")
);

-- What was refused so far.
INSERT INTO "DeadLetterCount" ("subjectDevice", "reason", "count")
SELECT coalesce("subjectDevice", ''), "reason", count(*) FROM "DeadLetter" GROUP BY 1, 2;
