-- CreateTable
CREATE TABLE "access_counts" (
    "key_id" TEXT NOT NULL,
    "accesses" INTEGER NOT NULL,

    CONSTRAINT "access_counts_pkey" PRIMARY KEY ("key_id")
);

INSERT INTO "access_counts" ("key_id", "accesses")
SELECT "key_id", count(*) FROM "log_records" WHERE "type" = 'access-granted' GROUP BY "key_id";
