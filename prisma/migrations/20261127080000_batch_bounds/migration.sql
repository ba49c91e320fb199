-- Which records a batch has is in log_records already, where nothing changes: between these two of its dataset version's. A second
-- copy of them was a third of what a record costs the database on its way to Ceramic.
ALTER TABLE "relay_batches" ADD COLUMN "first_index" INTEGER, ADD COLUMN "last_index" INTEGER;
UPDATE "relay_batches" SET
    "first_index" = ("records" -> 0 ->> 'index')::int,
    "last_index" = ("records" -> -1 ->> 'index')::int;
ALTER TABLE "relay_batches"
    ALTER COLUMN "first_index" SET NOT NULL,
    ALTER COLUMN "last_index" SET NOT NULL,
    DROP COLUMN "records";
