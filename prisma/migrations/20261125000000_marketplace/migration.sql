-- Trigram search over titles, descriptions, tags and column names. A trusted extension: the owner of the database may create it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- CreateTable
CREATE TABLE "outbox" (
    "id" BIGSERIAL NOT NULL,
    "queue" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "job_id" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "outbox_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "nonces" (
    "value" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "used_at" TIMESTAMPTZ(3),

    CONSTRAINT "nonces_pkey" PRIMARY KEY ("value")
);

-- CreateTable
CREATE TABLE "sessions" (
    "token_digest" TEXT NOT NULL,
    "address" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "sessions_pkey" PRIMARY KEY ("token_digest")
);

-- CreateTable
CREATE TABLE "datasets" (
    "key_id" TEXT NOT NULL,
    "seq" BIGSERIAL NOT NULL,
    "dataset_id" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "seller" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "description" TEXT NOT NULL,
    "tags" TEXT[],
    "column_names" TEXT[],
    "label" TEXT,
    "row_count" INTEGER NOT NULL,
    "price_wei" DECIMAL(78,0) NOT NULL,
    "operators" TEXT[],
    "manifest" JSONB NOT NULL,
    "manifest_digest" TEXT NOT NULL,
    "terms" JSONB NOT NULL,
    "terms_digest" TEXT NOT NULL,
    "offer" JSONB NOT NULL,
    "offer_digest" TEXT NOT NULL,
    "offer_signature" TEXT NOT NULL,
    "log_index" INTEGER NOT NULL,
    "leaf_hash" TEXT NOT NULL,
    "listed_at" TIMESTAMPTZ(3) NOT NULL,
    "search_text" TEXT NOT NULL,

    CONSTRAINT "datasets_pkey" PRIMARY KEY ("key_id")
);

-- CreateTable
CREATE TABLE "dataset_offers" (
    "digest" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "offer" JSONB NOT NULL,
    "terms" JSONB NOT NULL,
    "terms_digest" TEXT NOT NULL,
    "log_index" INTEGER NOT NULL,
    "listed_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "dataset_offers_pkey" PRIMARY KEY ("digest")
);

-- CreateTable
CREATE TABLE "licences" (
    "id" TEXT NOT NULL,
    "seq" BIGSERIAL NOT NULL,
    "key_id" TEXT NOT NULL,
    "buyer" TEXT NOT NULL,
    "licence" JSONB NOT NULL,
    "signature" TEXT NOT NULL,
    "nonce" TEXT NOT NULL,
    "valid_until" TIMESTAMPTZ(3) NOT NULL,
    "entry" BYTEA NOT NULL,
    "log_index" INTEGER,
    "leaf_hash" TEXT,
    "issued_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "licences_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "erasable_details" (
    "licence_id" TEXT NOT NULL,
    "purpose" TEXT NOT NULL,
    "salt" TEXT NOT NULL,

    CONSTRAINT "erasable_details_pkey" PRIMARY KEY ("licence_id")
);

-- CreateTable
CREATE TABLE "jobs" (
    "id" TEXT NOT NULL,
    "seq" BIGSERIAL NOT NULL,
    "key_id" TEXT NOT NULL,
    "buyer" TEXT NOT NULL,
    "seller" TEXT NOT NULL,
    "operator" TEXT NOT NULL,
    "order" JSONB NOT NULL,
    "offer" JSONB NOT NULL,
    "shares" JSONB NOT NULL,
    "licence_id" TEXT NOT NULL,
    "job_digest" TEXT NOT NULL,
    "declaration" JSONB NOT NULL,
    "recipient" TEXT NOT NULL,
    "price_wei" DECIMAL(78,0) NOT NULL,
    "deadline" TIMESTAMPTZ(3) NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'submitted',
    "reason" TEXT,
    "worker" TEXT,
    "pending_entry" BYTEA,
    "access_index" INTEGER,
    "record_transaction" TEXT,
    "weights_digest" TEXT,
    "ciphertext_digest" TEXT,
    "trainer" JSONB,
    "started_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),
    "completion_index" INTEGER,
    "refusal_index" INTEGER,
    "settle_transaction" TEXT,
    "refund_transaction" TEXT,
    "settlement_index" INTEGER,
    "progress_step" INTEGER NOT NULL DEFAULT 0,
    "progress_of" INTEGER NOT NULL DEFAULT 0,
    "receipt" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "jobs_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "blob_uploads" (
    "digest" TEXT NOT NULL,
    "uploader" TEXT NOT NULL,
    "size_bytes" BIGINT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "blob_uploads_pkey" PRIMARY KEY ("digest","uploader")
);

-- CreateTable
CREATE TABLE "log_records" (
    "index" INTEGER NOT NULL,
    "type" TEXT NOT NULL,
    "leaf_hash" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "order_id" TEXT,
    "actor" TEXT,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "log_records_pkey" PRIMARY KEY ("index")
);

-- CreateIndex
CREATE INDEX "nonces_expires_at_idx" ON "nonces"("expires_at");

-- CreateIndex
CREATE INDEX "sessions_expires_at_idx" ON "sessions"("expires_at");

-- CreateIndex
CREATE UNIQUE INDEX "datasets_seq_key" ON "datasets"("seq");

-- CreateIndex
CREATE INDEX "datasets_search_parts" ON "datasets" USING GIN ("search_text" gin_trgm_ops);

-- CreateIndex
CREATE INDEX "datasets_manifest_digest_idx" ON "datasets"("manifest_digest");

-- CreateIndex
CREATE INDEX "datasets_seller_idx" ON "datasets"("seller");

-- CreateIndex
CREATE INDEX "dataset_offers_terms_digest_idx" ON "dataset_offers"("terms_digest");

-- CreateIndex
CREATE UNIQUE INDEX "licences_seq_key" ON "licences"("seq");

-- CreateIndex
CREATE UNIQUE INDEX "licences_nonce_key" ON "licences"("nonce");

-- CreateIndex
CREATE INDEX "licences_buyer_seq_idx" ON "licences"("buyer", "seq");

-- CreateIndex
CREATE UNIQUE INDEX "jobs_seq_key" ON "jobs"("seq");

-- CreateIndex
CREATE INDEX "jobs_buyer_seq_idx" ON "jobs"("buyer", "seq");

-- CreateIndex
CREATE INDEX "jobs_seller_seq_idx" ON "jobs"("seller", "seq");

-- CreateIndex
CREATE INDEX "jobs_operator_seq_idx" ON "jobs"("operator", "seq");

-- CreateIndex
CREATE INDEX "jobs_weights_digest_idx" ON "jobs"("weights_digest");

-- CreateIndex
CREATE INDEX "jobs_ciphertext_digest_idx" ON "jobs"("ciphertext_digest");

-- CreateIndex
CREATE INDEX "log_records_key_id_index_idx" ON "log_records"("key_id", "index");

-- CreateIndex
CREATE INDEX "log_records_key_id_type_idx" ON "log_records"("key_id", "type");

-- What Prisma's schema language cannot say: indexes over expressions, and one over some rows.
CREATE INDEX "datasets_search_words" ON "datasets" USING GIN (to_tsvector('english', "search_text"));
-- Which jobs name a model file: its parties may read it.
CREATE INDEX "jobs_graph" ON "jobs" (("declaration" ->> 'graph'));
CREATE INDEX "jobs_weights" ON "jobs" (("declaration" ->> 'weights'));
-- What a restarted worker looks for.
CREATE INDEX "jobs_unfinished" ON "jobs" ("seq") WHERE "state" NOT IN ('settled', 'refunded');
