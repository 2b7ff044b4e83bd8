-- When the last search of a stage was given out that was ready; 0 while some are.
ALTER TABLE stage ADD COLUMN drained BIGINT NOT NULL DEFAULT 0;
