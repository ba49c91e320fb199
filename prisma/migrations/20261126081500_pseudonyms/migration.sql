-- Buyers are known to the log under a pseudonym for each dataset. Licences from before have none, and no order can be made under them.
ALTER TABLE "licences" ADD COLUMN "pseudonym" TEXT NOT NULL DEFAULT '',
ADD COLUMN "pseudonym_signature" TEXT NOT NULL DEFAULT '0x';

-- CreateIndex
CREATE INDEX "licences_pseudonym_idx" ON "licences"("pseudonym");
