-- Canaries: searches whose proof is known already, given out among others to find out who does not search.

-- Of a thousand problems that are solved so many are kept back until their stage is over, and of a thousand searches that
-- are given out so many are canaries.
ALTER TABLE campaign ADD COLUMN kept_back BIGINT NOT NULL DEFAULT 100;
ALTER TABLE campaign ADD COLUMN canaries BIGINT NOT NULL DEFAULT 15;

-- Solved, and told as if it was open.
ALTER TABLE problem ADD COLUMN is_kept_back BIGINT NOT NULL DEFAULT 0;
CREATE INDEX problem_kept_back ON problem (candidate) WHERE is_kept_back = 1;

-- What canaries say against an account: the power of ten by which it rather does not search, in thousandths.
ALTER TABLE account ADD COLUMN doubt BIGINT NOT NULL DEFAULT 0;

ALTER TABLE result ADD COLUMN is_canary BIGINT NOT NULL DEFAULT 0;

-- Each is a lease of a search that has ended, which knows nothing of it.
CREATE TABLE canary (
  unit BIGINT NOT NULL REFERENCES unit (id),
  attempt BIGINT NOT NULL,
  account BIGINT NOT NULL REFERENCES account (id),
  session BIGINT NOT NULL REFERENCES session (id),
  claim TEXT NOT NULL,
  ends BIGINT NOT NULL,
  -- given, back without an answer, answered with a proof that waits for its verdict, found, or missed
  state TEXT NOT NULL DEFAULT 'given',
  candidate BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (unit, attempt)
);
CREATE INDEX canary_given ON canary (session) WHERE state = 'given';
CREATE INDEX canary_answered ON canary (candidate) WHERE state = 'answered';
