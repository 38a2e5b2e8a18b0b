package httpapi

import (
	"testing"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/omni"
)

// An administrator orders an erasure, once at a time; the auditor reads it.
func TestErasureIsOrdered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.m.customers["cu_x"] = omni.Customer{ID: "cu_x", Name: "X"}
	const path = prefix + "/customers/cu_x/erasure"
	w.do(account.RoleSupervisor, "POST", path, `{"reason":"asked"}`).problem(403, ProblemForbidden, "")
	w.do(account.RoleAdmin, "POST", path, `{"reason":" "}`).problem(422, ProblemValidation, "#/reason")
	w.do(account.RoleAdmin, "POST", prefix+"/customers/cu_none/erasure", `{"reason":"asked"}`).problem(404, ProblemNotFound, "")
	w.do(account.RoleSupervisor, "GET", path, nil).problem(403, ProblemForbidden, "")
	w.do(account.RoleAdmin, "GET", prefix+"/customers/cu_none/erasure", nil).problem(404, ProblemNotFound, "")
	var preview omni.ErasurePreview
	w.do(account.RoleAuditor, "GET", path, nil).want(200, &preview)
	if preview.CustomerID != "cu_x" {
		t.Errorf("%+v", preview)
	}
	var e, read omni.Erasure
	w.do(account.RoleAdmin, "POST", path, `{"reason":" asked\n by letter "}`).want(202, &e)
	w.do(account.RoleAdmin, "POST", path, `{"reason":"asked again"}`).problem(409, ProblemState, "")
	w.do(account.RoleAuditor, "GET", prefix+"/erasures/"+e.ID, nil).want(200, &read)
	if read.CustomerID != "cu_x" || read.State != omni.ErasureRunning || read.RequestedBy != "us_admin" || read.Reason != "asked by letter" {
		t.Errorf("%+v", read)
	}
}
