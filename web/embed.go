// Package web holds the built pages of the workbench and of the test phone.
//
// The sources are built by Vite into dist ("npm run build"); a binary built
// before that has only dist/README inside and serves no pages. Every file of
// some size also lies there compressed, as NAME.br and NAME.gz.
package web

import "embed"

// Files is the folder dist: index.html, hashed files below assets/, and
// whatever public/ holds.
//
//go:embed all:dist
var Files embed.FS
