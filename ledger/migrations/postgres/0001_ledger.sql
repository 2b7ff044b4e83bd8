-- Times are milliseconds since 1970 by the database's clock; hashes and claims are text in hexadecimal; 0 and '' stand for
-- nothing, so that both engines compare alike.

CREATE TABLE campaign (
  id BIGINT PRIMARY KEY CHECK (id = 1),
  name TEXT NOT NULL,
  manifest TEXT NOT NULL,
  lean TEXT NOT NULL,
  seed BIGINT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL DEFAULT '',
  created BIGINT NOT NULL
);

CREATE TABLE account (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name TEXT NOT NULL,
  trust TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'active',
  message TEXT NOT NULL DEFAULT '',
  token_sha TEXT NOT NULL UNIQUE,
  joined BIGINT NOT NULL,
  n_valid BIGINT NOT NULL DEFAULT 0,
  n_invalid BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE invitation (
  secret_sha TEXT PRIMARY KEY,
  trust TEXT NOT NULL,
  uses_left BIGINT NOT NULL,
  expires BIGINT NOT NULL
);

CREATE TABLE session (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account BIGINT NOT NULL REFERENCES account (id),
  label TEXT NOT NULL,
  client TEXT NOT NULL,
  cores BIGINT NOT NULL,
  memory_mb BIGINT NOT NULL,
  doing TEXT NOT NULL DEFAULT 'idle',
  began BIGINT NOT NULL,
  seen BIGINT NOT NULL,
  progressed BIGINT NOT NULL,
  is_over BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX session_alive ON session (seen) WHERE is_over = 0;

CREATE TABLE problem (
  id BIGINT PRIMARY KEY,
  split TEXT NOT NULL DEFAULT '',
  name TEXT NOT NULL,
  statement_sha TEXT NOT NULL,
  theorem TEXT NOT NULL,
  standing TEXT NOT NULL DEFAULT 'open',
  solved BIGINT NOT NULL DEFAULT 0,
  candidate BIGINT NOT NULL DEFAULT 0,
  -- Those with the smallest are searched first; this is everybody's whom the operator did not put before others.
  rank BIGINT NOT NULL DEFAULT 1000000,
  UNIQUE (split, name)
);

CREATE TABLE recipe (
  sha TEXT PRIMARY KEY,
  body TEXT NOT NULL
);

-- Stages of a campaign without rounds are planned when it is made; rounds make theirs as they go.
CREATE TABLE stage (
  number BIGINT PRIMARY KEY,
  round BIGINT NOT NULL DEFAULT 0,
  name TEXT NOT NULL,
  purpose TEXT NOT NULL DEFAULT 'solve',
  recipe TEXT NOT NULL REFERENCES recipe (sha),
  sides TEXT NOT NULL,
  tries BIGINT NOT NULL,
  state TEXT NOT NULL DEFAULT 'planned',
  opened BIGINT NOT NULL DEFAULT 0,
  frozen BIGINT NOT NULL DEFAULT 0,
  results_sha TEXT NOT NULL DEFAULT '',
  UNIQUE (round, name)
);

-- Rounds that are over.
CREATE TABLE round (
  number BIGINT PRIMARY KEY,
  body TEXT NOT NULL,
  finished BIGINT NOT NULL
);

CREATE TABLE unit (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  stage BIGINT NOT NULL REFERENCES stage (number),
  problem BIGINT NOT NULL REFERENCES problem (id),
  side TEXT NOT NULL,
  seed BIGINT NOT NULL,
  priority BIGINT NOT NULL,
  state TEXT NOT NULL DEFAULT 'ready',
  attempt BIGINT NOT NULL DEFAULT 0,
  crashes BIGINT NOT NULL DEFAULT 0,
  crashed_by BIGINT NOT NULL DEFAULT 0,
  not_before BIGINT NOT NULL DEFAULT 0,
  session BIGINT NOT NULL DEFAULT 0,
  claim TEXT NOT NULL DEFAULT '',
  lease_ends BIGINT NOT NULL DEFAULT 0,
  UNIQUE (stage, problem, side, seed)
) WITH (autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX unit_ready ON unit (priority, id) WHERE state = 'ready';
CREATE INDEX unit_leased ON unit (session, claim) WHERE state = 'leased';
CREATE INDEX unit_problem ON unit (problem);

-- Every lease that was ever given, so that a late result finds whose it is.
CREATE TABLE lease (
  unit BIGINT NOT NULL REFERENCES unit (id),
  attempt BIGINT NOT NULL,
  session BIGINT NOT NULL REFERENCES session (id),
  claim TEXT NOT NULL,
  given BIGINT NOT NULL,
  PRIMARY KEY (unit, attempt)
);
CREATE INDEX lease_claim ON lease (session, claim);

CREATE TABLE result (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  unit BIGINT NOT NULL REFERENCES unit (id),
  attempt BIGINT NOT NULL,
  submission TEXT NOT NULL UNIQUE,
  account BIGINT NOT NULL REFERENCES account (id),
  ending TEXT NOT NULL,
  detail TEXT NOT NULL,
  proof_sha TEXT NOT NULL,
  cost TEXT NOT NULL,
  lean_cpu_ms BIGINT NOT NULL,
  device_ms BIGINT NOT NULL,
  wall_ms BIGINT NOT NULL,
  received BIGINT NOT NULL,
  is_counted BIGINT NOT NULL,
  -- What a search of the campaign's own machine left behind, for whoever learns from it.
  remains TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX result_counted ON result (unit, attempt) WHERE is_counted = 1;
CREATE INDEX result_received ON result (received);
CREATE INDEX result_account ON result (account);

CREATE TABLE candidate (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  problem BIGINT NOT NULL REFERENCES problem (id),
  side TEXT NOT NULL,
  proof_sha TEXT NOT NULL,
  proof TEXT NOT NULL,
  length BIGINT NOT NULL,
  unit BIGINT NOT NULL REFERENCES unit (id),
  account BIGINT NOT NULL REFERENCES account (id),
  received BIGINT NOT NULL,
  state TEXT NOT NULL DEFAULT 'waiting',
  tries BIGINT NOT NULL DEFAULT 0,
  checked_until BIGINT NOT NULL DEFAULT 0,
  UNIQUE (problem, side, proof_sha)
);
CREATE INDEX candidate_open ON candidate (received) WHERE state IN ('waiting', 'checking');

CREATE TABLE verdict (
  candidate BIGINT PRIMARY KEY REFERENCES candidate (id),
  is_accepted BIGINT NOT NULL,
  checker TEXT NOT NULL,
  body TEXT NOT NULL,
  given BIGINT NOT NULL
);

CREATE TABLE event (
  seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at BIGINT NOT NULL,
  kind TEXT NOT NULL,
  body TEXT NOT NULL
);
