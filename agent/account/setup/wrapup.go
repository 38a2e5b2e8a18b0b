package setup

import (
	"slices"

	"github.com/openhotline/hotline/agent/account"
)

// RefusesContact tells whether choosing a code records that the customer does
// not want to be contacted.
func RefusesContact(codes []WrapUpCode, code string) bool {
	return slices.ContainsFunc(codes, func(c WrapUpCode) bool { return c.Code == code && c.DoNotContact })
}

// CheckWrapUp refuses, with an *account.FieldError about code, what an agent may
// not choose after a conversation of a queue (empty: of none): a code that does
// not exist or belongs to another queue, and no code where one is required.
func CheckWrapUp(codes []WrapUpCode, queueID, code string) error {
	fits := func(c WrapUpCode) bool { return c.QueueID == "" || c.QueueID == queueID }
	if code == "" {
		if slices.ContainsFunc(codes, func(c WrapUpCode) bool { return c.Required && fits(c) }) {
			return &account.FieldError{Field: "code", Code: "required", Message: "this queue wants a wrap-up code"}
		}
		return nil
	}
	i := slices.IndexFunc(codes, func(c WrapUpCode) bool { return c.Code == code })
	if i < 0 {
		return &account.FieldError{Field: "code", Code: "reference", Message: "there is no wrap-up code " + code}
	}
	if !fits(codes[i]) {
		return &account.FieldError{Field: "code", Code: "scope", Message: "wrap-up code " + code + " belongs to another queue"}
	}
	return nil
}
