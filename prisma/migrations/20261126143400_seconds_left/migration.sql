-- How long training takes yet, by the last report of its worker.
ALTER TABLE "jobs" ADD COLUMN "seconds_left" INTEGER;
