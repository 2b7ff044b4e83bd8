-- The number of the session's last claim: what a network brings later, or once more, is given nothing new.
ALTER TABLE session ADD COLUMN claimed BIGINT NOT NULL DEFAULT 0;
