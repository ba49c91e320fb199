-- CreateTable
CREATE TABLE "storage_copies" (
    "key_id" TEXT NOT NULL,
    "data_set_id" INTEGER NOT NULL,
    "provider_id" INTEGER NOT NULL,
    "provider" TEXT NOT NULL,
    "service_url" TEXT NOT NULL,
    "fault" TEXT,
    "silent" INTEGER NOT NULL DEFAULT 0,
    "fault_periods" INTEGER NOT NULL DEFAULT 0,
    "replaced_by" INTEGER,
    "last_proven_epoch" BIGINT,
    "last_proven_at" TIMESTAMPTZ(3),
    "paid_until" TIMESTAMPTZ(3),
    "checked_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "storage_copies_pkey" PRIMARY KEY ("key_id","data_set_id")
);

-- CreateTable
CREATE TABLE "storage_permits" (
    "key_id" TEXT NOT NULL,
    "provider_id" INTEGER NOT NULL,
    "payer" TEXT NOT NULL,
    "permit" JSONB NOT NULL,
    "valid_until" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "storage_permits_pkey" PRIMARY KEY ("key_id","provider_id")
);

-- CreateTable
CREATE TABLE "storage_deposits" (
    "payer" TEXT NOT NULL,
    "warned_days" INTEGER,

    CONSTRAINT "storage_deposits_pkey" PRIMARY KEY ("payer")
);

-- CreateTable
CREATE TABLE "notices" (
    "id" TEXT NOT NULL,
    "seq" BIGSERIAL NOT NULL,
    "seller" TEXT NOT NULL,
    "key_id" TEXT,
    "kind" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "notices_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "notices_seq_key" ON "notices"("seq");

-- CreateIndex
CREATE INDEX "notices_seller_seq_idx" ON "notices"("seller", "seq");
