-- What each shard of a dataset has lost of its privacy, and what each job took of it.
CREATE TABLE "privacy_shards" (
    "shard_id" TEXT NOT NULL,
    "spent" BIGINT[],

    CONSTRAINT "privacy_shards_pkey" PRIMARY KEY ("shard_id")
);

CREATE TABLE "privacy_charges" (
    "order_id" TEXT NOT NULL,
    "shard_ids" TEXT[],
    "loss" BIGINT[],
    "state" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "privacy_charges_pkey" PRIMARY KEY ("order_id")
);

CREATE INDEX "privacy_charges_shard_ids_idx" ON "privacy_charges" USING GIN ("shard_ids");
