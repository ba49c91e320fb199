-- AlterTable
ALTER TABLE "log_records" ADD COLUMN     "licence" TEXT,
ADD COLUMN     "weights" TEXT,
ADD COLUMN     "initial_weights" TEXT;

-- AlterTable
ALTER TABLE "relay_cursor" ADD COLUMN     "record_count" INTEGER NOT NULL DEFAULT 0;

-- DropIndex
DROP INDEX "log_records_key_id_type_idx";

-- CreateIndex
CREATE INDEX "log_records_key_id_type_index_idx" ON "log_records"("key_id", "type", "index");

-- CreateIndex
CREATE INDEX "log_records_key_id_actor_index_idx" ON "log_records"("key_id", "actor", "index");

-- CreateIndex
CREATE INDEX "log_records_licence_index_idx" ON "log_records"("licence", "index");

-- CreateIndex
CREATE INDEX "log_records_order_id_index_idx" ON "log_records"("order_id", "index");

-- CreateIndex
CREATE INDEX "log_records_weights_index_idx" ON "log_records"("weights", "index");

-- CreateIndex
CREATE INDEX "log_records_initial_weights_index_idx" ON "log_records"("initial_weights", "index");
