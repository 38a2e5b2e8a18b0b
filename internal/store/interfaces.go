package store

import (
	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/insight"
	"github.com/openhotline/hotline/ivr"
	"github.com/openhotline/hotline/omni"
)

// DB is the store of every domain package.
var (
	_ omni.Store     = (*DB)(nil)
	_ agent.Store    = (*DB)(nil)
	_ account.Store  = (*DB)(nil)
	_ ivr.Store      = (*DB)(nil)
	_ insight.Source = figureSource{}
)
