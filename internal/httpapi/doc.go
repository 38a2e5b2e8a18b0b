// Package httpapi serves the REST API (OpenAPI 3.1, made from the Go types), the
// live WebSocket, the test phone's WebSocket, health and metrics, and the pages.
//
// Errors are RFC 9457 problems with a stable type (urn:hotline:problem:…) and
// pointers to the fields that are wrong. What it needs of the rest of the
// installation it declares in ports.go.
package httpapi
