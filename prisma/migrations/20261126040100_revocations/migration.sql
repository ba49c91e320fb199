-- CreateTable
CREATE TABLE "revocations" (
    "key_id" TEXT NOT NULL,
    "licence" TEXT NOT NULL,
    "entry" BYTEA NOT NULL,
    "log_index" INTEGER,
    "revoked_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "revocations_pkey" PRIMARY KEY ("key_id","licence")
);
