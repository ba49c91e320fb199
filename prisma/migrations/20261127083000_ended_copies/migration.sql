-- A copy whose service was ended read as one that is well, for ever: nothing looked at it again.
ALTER TABLE "storage_copies"
    ADD COLUMN "ends_at" TIMESTAMPTZ(3),
    ADD COLUMN "held_wei" DECIMAL(78,0);
