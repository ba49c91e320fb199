-- CreateTable
CREATE TABLE "relay_cursor" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "next_index" INTEGER NOT NULL,

    CONSTRAINT "relay_cursor_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "relay_pending" (
    "index" INTEGER NOT NULL,
    "key_id" TEXT NOT NULL,
    "leaf_hash" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "relay_pending_pkey" PRIMARY KEY ("index")
);

-- CreateTable
CREATE TABLE "relay_batches" (
    "key_id" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,
    "records" JSONB NOT NULL,
    "previous" TEXT,
    "from_time" TIMESTAMPTZ(3) NOT NULL,
    "to_time" TIMESTAMPTZ(3) NOT NULL,
    "origin" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "stream_id" TEXT,
    "commit_id" TEXT,
    "published_at" TIMESTAMPTZ(3),

    CONSTRAINT "relay_batches_pkey" PRIMARY KEY ("key_id","seq")
);

-- CreateIndex
CREATE INDEX "relay_pending_key_id_index_idx" ON "relay_pending"("key_id", "index");

-- CreateIndex
CREATE INDEX "relay_batches_state_idx" ON "relay_batches"("state");

-- What Prisma's schema language cannot say: there is one cursor, and it begins at the start of the log.
ALTER TABLE "relay_cursor" ADD CONSTRAINT "relay_cursor_one_row" CHECK ("id" = 1);
INSERT INTO "relay_cursor" ("id", "next_index") VALUES (1, 0);
