-- When the buyer asked for a job to end.
ALTER TABLE "jobs" ADD COLUMN "cancelled_at" TIMESTAMPTZ(3);
