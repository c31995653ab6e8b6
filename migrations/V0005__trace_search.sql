-- Assessments of whole sessions: one of these counts for every trace of its session, so a
-- search looks for them by name. They are few among all assessments.
CREATE INDEX assessment_of_session ON assessment (name, trace_id)
    WHERE instr(metadata, '"mlflow.trace.session":') > 0;
