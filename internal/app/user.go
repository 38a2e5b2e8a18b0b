package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/id"
)

func userCommand(ctx context.Context, args []string, std Streams) error {
	cfg, rest, err := configured("user", "list | password EMAIL | add EMAIL NAME ROLE [flags]", args, std, nil)
	if err != nil {
		return err
	}
	open := openExisting
	if len(rest) > 0 && rest[0] == "add" {
		open = openStore // the first user may come before the first start
	}
	db, err := open(ctx, cfg, std)
	if err != nil {
		return err
	}
	defer db.Close()
	switch {
	case len(rest) == 1 && rest[0] == "list":
		return listUsers(ctx, db, std)
	case len(rest) == 2 && rest[0] == "password":
		return setPassword(ctx, db, std, rest[1])
	case len(rest) == 4 && rest[0] == "add":
		return addUser(ctx, db, std, rest[1], rest[2], account.Role(rest[3]))
	}
	return wants(std, rest, -1, "list, password EMAIL, or add EMAIL NAME ROLE")
}

func listUsers(ctx context.Context, s account.Store, std Streams) error {
	records, err := s.Records(ctx, account.KindUser, account.Page{})
	if err != nil {
		return err
	}
	for _, r := range records {
		u, err := account.DecodeUser(r)
		if err != nil {
			return err
		}
		fmt.Fprintf(std.Out, "%-30s %-12s %s\n", u.Email, u.Role, u.Name)
	}
	return nil
}

// askPassword reads a password from standard input.
func askPassword(ctx context.Context, std Streams, u account.User) (string, error) {
	fmt.Fprint(std.Err, "new password: ")
	line, err := bufio.NewReader(std.In).ReadString('\n')
	if err != nil && line == "" {
		return "", fmt.Errorf("read the password from standard input: %w", err)
	}
	password := strings.TrimRight(line, "\r\n")
	if err := account.CheckPassword(password, u.Email, u.Name); err != nil {
		return "", err
	}
	return account.NewHasher(account.HasherConfig{}).Hash(ctx, password)
}

func setPassword(ctx context.Context, s account.Store, std Streams, email string) error {
	r, err := s.RecordByKey(ctx, account.KindUser, account.NormalEmail(email))
	if errors.Is(err, account.ErrNotFound) {
		return fmt.Errorf("there is no user %s", email)
	}
	if err != nil {
		return err
	}
	u, err := account.DecodeUser(r)
	if err != nil {
		return err
	}
	if u.PasswordHash, err = askPassword(ctx, std, u); err != nil {
		return err
	}
	if err := putUser(ctx, s, u, r.Version, "user.password"); err != nil {
		return err
	}
	if _, err := s.DeleteSessions(ctx, account.SessionFilter{UserID: u.ID}); err != nil {
		return err
	}
	fmt.Fprintln(std.Out, "the password is set; the user's sessions have ended")
	return nil
}

func addUser(ctx context.Context, s account.Store, std Streams, email, name string, role account.Role) error {
	if !slices.Contains(account.Roles, role) {
		return fmt.Errorf("role must be one of %v", account.Roles)
	}
	u := account.User{ID: id.New(id.User), Email: account.NormalEmail(email), Name: name, Role: role}
	var err error
	if u.PasswordHash, err = askPassword(ctx, std, u); err != nil {
		return err
	}
	if err := putUser(ctx, s, u, 0, "user.create"); err != nil {
		return err
	}
	fmt.Fprintf(std.Out, "added %s as %s\n", u.Email, role)
	return nil
}

// putUser writes a user with a line of the audit.
func putUser(ctx context.Context, s account.Store, u account.User, version int64, action string) error {
	rec, err := u.Record()
	if err != nil {
		return err
	}
	rec.Version = version
	_, err = s.Change(ctx, []account.Write{{Record: rec}}, []account.Entry{{
		ID: id.New(id.Audit), Time: time.Now().UTC().Truncate(time.Microsecond), UserName: "command line", Action: action, TargetID: u.ID, Target: u.Email,
	}})
	if errors.Is(err, account.ErrTaken) {
		return fmt.Errorf("there is a user %s already", u.Email)
	}
	return err
}
