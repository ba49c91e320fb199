-- What waits for a batch is in log_records already: a second row a record, and its deletion, cost more than the index itself.
CREATE TABLE "relay_waiting" (
    "key_id" TEXT NOT NULL,
    "from_index" INTEGER NOT NULL,
    "count" INTEGER NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "relay_waiting_pkey" PRIMARY KEY ("key_id")
);

INSERT INTO "relay_waiting" ("key_id", "from_index", "count", "since")
SELECT "key_id", min("index"), count(*), min("since") FROM "relay_pending" GROUP BY "key_id";

DROP TABLE "relay_pending";
