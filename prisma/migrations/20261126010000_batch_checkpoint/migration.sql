-- Batches say under which checkpoint their records are. Those of before belong to another Ceramic model: all are published anew.
DELETE FROM "relay_batches";
DELETE FROM "relay_pending";
DELETE FROM "log_records";
UPDATE "relay_cursor" SET "next_index" = 0;
ALTER TABLE "relay_cursor" ADD COLUMN "checkpoint" TEXT;
ALTER TABLE "relay_batches" ADD COLUMN "checkpoint" TEXT NOT NULL;
