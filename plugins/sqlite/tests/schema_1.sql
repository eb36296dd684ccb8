-- A journal database of schema 1, as it was made by the version that wrote it.
pragma journal_mode=wal;
CREATE TABLE run (
        run text primary key, template text not null, version text not null, status text not null,
        created_at text not null, updated_at text not null, epoch integer not null, owner text
    ) strict, without rowid;
CREATE TABLE record (
        run text not null references run, sequence integer not null, data blob not null, primary key (run, sequence)
    ) strict, without rowid;
pragma application_id=1263423319;
pragma user_version=1;
