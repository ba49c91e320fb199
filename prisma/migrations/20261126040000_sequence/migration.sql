-- AlterTable
-- The index is made from the log, where every record has a number.
ALTER TABLE "log_records" ADD COLUMN     "sequence" INTEGER NOT NULL;

-- CreateTable
CREATE TABLE "dataset_records" (
    "key_id" TEXT NOT NULL,
    "sequence" INTEGER NOT NULL,
    "leaf_hash" TEXT NOT NULL,
    "entry" BYTEA,

    CONSTRAINT "dataset_records_pkey" PRIMARY KEY ("key_id","sequence")
);
