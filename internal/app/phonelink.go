package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/openhotline/hotline/internal/config"
	"github.com/openhotline/hotline/internal/httpapi"
)

// phoneLinkCommand prints an address at which whoever opens it calls the given
// numbers from the browser.
func phoneLinkCommand(_ context.Context, args []string, std Streams) error {
	base, lasts := "", time.Duration(0)
	cfg, numbers, err := configured("phone-link", "NUMBER… [--for 24h] [--base https://HOST] [flags]", args, std, func(fs *flag.FlagSet) {
		fs.StringVar(&base, "base", "", "address of the installation as customers reach it (default: https://localhost with the port of https.addr)")
		fs.DurationVar(&lasts, "for", 24*time.Hour, "how long the link holds")
	})
	if err != nil {
		return err
	}
	switch {
	case len(numbers) == 0:
		return wants(std, numbers, -1, "the numbers that may be called")
	case cfg.Phone.Key == "":
		return errors.New("phone.key is not set: give it in the configuration, of at least 16 characters, and restart the service with it")
	case lasts <= 0:
		return errors.New("--for must be more than 0")
	}
	token, err := httpapi.SignPhoneToken([]byte(cfg.Phone.Key), httpapi.PhoneToken{Numbers: numbers, Expires: time.Now().Add(lasts).UTC().Truncate(time.Second)})
	if err != nil {
		return err
	}
	if base == "" {
		base = fmt.Sprintf("https://localhost:%d", config.Port(cfg.HTTPS.Addr))
	}
	fmt.Fprintln(std.Out, strings.TrimRight(base, "/")+"/phone?"+url.Values{"number": numbers[:1], "token": {token}}.Encode())
	return nil
}
