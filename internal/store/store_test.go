package store_test

import (
	"path/filepath"
	"testing"

	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/internal/store/storetest"
)

func openAt(t testing.TB, url string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func openSQLite(t testing.TB) (*store.DB, string) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "a #?%&b", "hotline.db")
	return openAt(t, url), url
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, openSQLite)
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	pg := storetest.StartPostgres(t)
	storetest.Run(t, func(t testing.TB) (*store.DB, string) {
		url := pg.New(t)
		return openAt(t, url), url
	})
}
