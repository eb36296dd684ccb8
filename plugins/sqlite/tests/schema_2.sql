-- A journal database of schema 2, as it was made by the version that wrote it.
pragma journal_mode=wal;
CREATE TABLE run (
        run text primary key, template text not null, version text not null, status text not null,
        created_at text not null, updated_at text not null, epoch integer not null, owner text
    , cancelling integer not null default 0, digest integer not null default 0, length integer not null default 0) strict, without rowid;
CREATE TABLE record (
        run text not null references run, sequence integer not null, data blob not null, primary key (run, sequence)
    ) strict, without rowid;
CREATE TRIGGER record_counted after insert on record begin
        update run set length = new.sequence + 1 where run = new.run;
    end;
CREATE INDEX run_cancelling on run (run) where cancelling = 1;
pragma application_id=1263423319;
pragma user_version=2;
