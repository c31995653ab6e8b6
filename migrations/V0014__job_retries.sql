-- How often jobs were tried again is asked for while they run; most never are.
CREATE INDEX job_retried ON job (retries) WHERE retries > 0;
