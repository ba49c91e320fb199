-- Weights are in completions alone: a key of nothing for every other record cost an eighth of what the index costs, each.
DROP INDEX "log_records_weights_index_idx";
DROP INDEX "log_records_initial_weights_index_idx";
CREATE INDEX "log_records_weights_index_idx" ON "log_records"("weights", "index") WHERE "weights" IS NOT NULL;
CREATE INDEX "log_records_initial_weights_index_idx" ON "log_records"("initial_weights", "index") WHERE "initial_weights" IS NOT NULL;
