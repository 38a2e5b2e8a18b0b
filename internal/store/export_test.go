package store

// WithoutSync has databases opened from now on not wait for the disk: for tests
// whose subject is not what a crash leaves.
func WithoutSync() { sqliteSync = "OFF" }
