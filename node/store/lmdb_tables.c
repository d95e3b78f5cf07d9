/* lmdb_tables.c: a transaction of an LMDB file as ordered tables (tables.h). */
#include "node/store/lmdb_file.h"

static MDB_val value_of(struct store_bytes bytes)
{
    return (MDB_val){.mv_size = bytes.bytes, .mv_data = (void *)(uintptr_t)bytes.data};
}

static struct store_bytes bytes_of(MDB_val value)
{
    return (struct store_bytes){value.mv_data, value.mv_size};
}

static mf_err lmdb_get(struct tables *tables, struct store_bytes key, struct store_bytes *value)
{
    struct lmdb_view *view = (struct lmdb_view *)tables;
    MDB_val name = value_of(key), data;
    int error = mdb_get(view->txn, view->file->dbi, &name, &data);
    if (error)
        return lmdb_file_fail(view->file, error);
    *value = bytes_of(data);
    return MF_OK;
}

static mf_err lmdb_put(struct tables *tables, struct store_bytes key, size_t bytes, uint8_t **room)
{
    struct lmdb_view *view = (struct lmdb_view *)tables;
    uint8_t none = 0;
    MDB_val name = value_of(key), data = {.mv_size = bytes, .mv_data = &none};
    int error = mdb_put(view->txn, view->file->dbi, &name, &data, bytes ? MDB_RESERVE : 0);
    if (error)
        return lmdb_file_fail(view->file, error);
    *room = data.mv_data;
    return MF_OK;
}

static mf_err lmdb_remove(struct tables *tables, struct store_bytes key)
{
    struct lmdb_view *view = (struct lmdb_view *)tables;
    MDB_val name = value_of(key);
    int error = mdb_del(view->txn, view->file->dbi, &name, NULL);
    return error ? lmdb_file_fail(view->file, error) : MF_OK;
}

static mf_err lmdb_seek(struct tables *tables, struct store_bytes key, struct store_bytes *found,
                        struct store_bytes *value)
{
    struct lmdb_view *view = (struct lmdb_view *)tables;
    MDB_val name = value_of(key), data;
    int error = mdb_cursor_get(view->cursor, &name, &data, MDB_SET_RANGE);
    if (error)
        return lmdb_file_fail(view->file, error);
    *found = bytes_of(name);
    *value = bytes_of(data);
    return MF_OK;
}

const struct tables_kind lmdb_tables_kind = {
    .get = lmdb_get, .put = lmdb_put, .remove = lmdb_remove, .seek = lmdb_seek};
