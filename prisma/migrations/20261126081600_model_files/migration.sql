-- What lies beside the weights when they leave: card, bill of materials, signature.
ALTER TABLE "jobs" ADD COLUMN "model_files" JSONB;
