-- A proof whose search is not known is taken by its statement.
CREATE INDEX problem_statement ON problem (statement_sha);
