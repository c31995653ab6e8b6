-- What a metric's last change is stands beside its last value, which is written anyway, and no
-- more on its run: a page less in each commit. A run's own `rev` is that of all else about it.
ALTER TABLE latest_metric ADD COLUMN rev INTEGER NOT NULL DEFAULT 0;
