-- What a job waits for, as an error code
ALTER TABLE "jobs" ADD COLUMN "waiting_for" TEXT;
