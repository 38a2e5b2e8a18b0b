package entity

import (
	"regexp"
	"strings"
)

var (
	email = regexp.MustCompile(`[a-z0-9][a-z0-9._%+\-]*@[a-z0-9][a-z0-9\-]*(?:\.[a-z0-9\-]+)+`)
	// saidEmail is an address as it is spelled aloud: "john dot smith at gmail
	// dot com", "zhang 艾特 qq 点 com", "taro アットマーク example ドット jp".
	saidEmail = regexp.MustCompile(`((?:[a-z] )*[a-z0-9][a-z0-9._\-]*(?: \d{1,6})?(?: ?(?:dot|点|ドット|underscore|下划线|アンダーバー|アンダースコア|dash|hyphen|ハイフン|减号|杠) ?[a-z0-9._\-]+)*(?: \d{1,6})?)` +
		` ?(?: at | at the | ?@ ?|艾特|小老鼠|at的?符号|圈a|アットマーク|アット) ?` +
		`([a-z0-9\-]+(?: ?(?:\.|dot|点|ドット) ?[a-z0-9\-]+)* ?(?:\.| dot |点|ドット) ?(?:com|net|org|cn|jp|co|io|edu|info|uk|de|fr|in|hk|tw|me|us|ca|au))\b`)
	saidMark = strings.NewReplacer("アンダースコア", "_", "アンダーバー", "_", "underscore", "_", "下划线", "_",
		"dash", "-", "hyphen", "-", "ハイフン", "-", "减号", "-", "杠", "-", "dot", ".", "点", ".", "ドット", ".", " ", "")
	// mailLead are words before a spelled address that are not letters of it.
	mailLead = regexp.MustCompile(`^(?:a|i|is|it|to|my|me) `)
)

func (s *search) emails() {
	for _, m := range email.FindAllStringIndex(s.view.s, -1) {
		s.add(Email, strings.TrimRight(s.view.s[m[0]:m[1]], ".-"), m[0], m[1], true)
	}
	if !strings.ContainsAny(s.view.s, "@艾圈") && !strings.Contains(s.view.s, "at") && !strings.Contains(s.view.s, "アット") && !strings.Contains(s.view.s, "小老鼠") {
		return
	}
	for _, m := range saidEmail.FindAllStringSubmatchIndex(s.view.s, -1) {
		from := m[2]
		if lead := mailLead.FindStringIndex(s.view.s[from:m[3]]); lead != nil && !(s.view.s[from+1] == ' ' && s.view.s[from+3] == ' ') {
			from += lead[1]
		}
		name, host := saidMark.Replace(s.view.s[from:m[3]]), saidMark.Replace(s.view.s[m[4]:m[5]])
		s.add(Email, name+"@"+host, from, m[1], true)
	}
}
