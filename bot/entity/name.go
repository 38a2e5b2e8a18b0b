package entity

import (
	"regexp"
	"strings"
	"unicode"
)

var (
	familyNames = anyOf("zh", "family_names")
	zhName      = []*regexp.Regexp{
		regexp.MustCompile(`(?:` + alternatives("name_leads") + `)\s*(` +
			familyNames + `\p{Han}{1,2}?)(?:[,，。.、!！?？\s\d]|$|` + anyOf("zh", "behind_names") + `)`),
		regexp.MustCompile(`(?:^|[,，。\s])(?:你好|您好)?[,，]?我是(` + familyNames + `\p{Han}{1,2}?)(?:[,，。.、!！?？\s\d]|$|手机|电话|订单|想|要|尾号|，)`),
		// whom money went to
		regexp.MustCompile(`(?:` + alternatives("payee_leads") + `)了?\s*(` + familyNames + `\p{Han}{1,2}?)(?:[,，。.、!！?？\s\d]|$|的|那|这|账)`),
		regexp.MustCompile(`(?:给|往|向)(` + familyNames + `\p{Han}{1,2}?)(?:的?(?:账户|账号|帐户|帐号|卡上?|卡里))?(?:转|汇|打|付|还)(?:了|过|的|账|款|钱|\d)`),
		// behind a word for a relative
		regexp.MustCompile(anyOf("zh", "relatives") + `(?:名?叫|名字叫|是)(` + familyNames + `\p{Han}{1,2}?)(?:[,，。.、\s\d]|$|` + anyOf("zh", "behind_names") + `)`),
		regexp.MustCompile(anyOf("zh", "relatives") + `(` + familyNames + `\p{Han}{1,2}?)的(?:手机|电话|卡|账|号|名|会员|身份)`),
		regexp.MustCompile(`(?:我姓|免贵姓|姓)(` + familyNames + `)(?:[,，。.、\s]|$|名|的|叫)`),
	}
	// zhFirm is whom an invoice is for.
	zhFirm = regexp.MustCompile(`(?:抬头(?:是|写|开|为|[:：])?|开给|公司名(?:称|字)?(?:是|叫|[:：])?)\s*([\p{Han}a-z()（）]{2,24}?(?:公司|集团|厂|店|中心|学校|医院|事务所|工作室))`)
	jaName = []*regexp.Regexp{
		regexp.MustCompile(`(?:名前は|氏名は|お名前は|名義は|宛名は|契約者は|わたくし|私は?|あの|えっと|もしもし|、|。|^|\s|です|が)([\p{Han}々]{1,4}[ 　]?[\p{Han}々]{0,3}|\p{Katakana}[\p{Katakana}ー]{1,8}[ ・]?[\p{Katakana}ー]{0,8}|\p{Hiragana}{2,6} ?\p{Hiragana}{0,6})(?:と申します|と申し|といいます|と言います|という者|って言います|っていいます)`),
		regexp.MustCompile(`(?:名前は|氏名は|お名前は|名義は|宛名[はを]|受取人[はを]|契約者(?:名)?は|会員名は|申込者は|名前[がを]|氏名[:：]|名前[:：])\s?([\p{Han}々]{1,4}[ 　]?[\p{Han}々]{0,3}|\p{Katakana}[\p{Katakana}ー]{1,8}[ ・]?[\p{Katakana}ー]{0,8})(?:です|でございます|になります|に変更|に|で|、|。|\s|$)`),
		regexp.MustCompile(`(?:宛名|名義)[はを](株式会社[\p{Han}\p{Hiragana}\p{Katakana}ー]{1,12}?|[\p{Han}\p{Hiragana}\p{Katakana}ー]{1,12}?株式会社)(?:に|で|、|。|$)`),
		// whom money went to
		regexp.MustCompile(`(` + anyOf("ja", "family_names") + `(?:[ 　]?[\p{Han}々]{1,3}))(?:さん|様|氏)?(?:に(?:送|振|払|支払|入金|貸)|への?(?:[\d,.万千百]{1,12}円の)?(?:振込|振り込み|送金|支払|入金))`),
		// behind a word for a relative
		regexp.MustCompile(anyOf("ja", "relatives") + `の(` + anyOf("ja", "family_names") + `[ 　]?[\p{Han}々]{1,3}?)(?:です|名義|[がのにはとで、。\s]|$)`),
		regexp.MustCompile(`(?:^|[、。\s])(` + anyOf("ja", "family_names") + `[ 　]?[\p{Han}々]{1,3}?)(?:さん|様)?(?:の)?名義`),
		// a common family name alone is enough where nothing else can be meant
		regexp.MustCompile(`(?:^|、|。|\s|もしもし|お世話になって(?:おり)?ます|こんにちは)(` + anyOf("ja", "family_names") + `[ 　]?[\p{Han}々]{0,3})(?:です[。、けがよ\s]|ですけど|と申|だけど|です$|でございます)`),
	}
	enName = []*regexp.Regexp{
		regexp.MustCompile(`\b(?:my (?:full |first |last |sur)?name(?: is|'s)|name(?: is|'s|:| on (?:it|file|(?:the|my) (?:account|order|card|contract|booking)) is)|i am called|i'm called|(?:under|in) the name(?: of)?|this is|(?:it's|booked|registered|ordered) under|(?:the )?recipient(?: is|:| should be| will be|'s)|(?:put |change |make )?the name(?: should be| as| to)|(?:card|account|policy) ?holder(?: is|:|'s name is)|speaking to|registered to|addressed to|made out to|call me)\s+((?:mr|mrs|ms|miss|dr)\.?\s+)?([a-z][a-z'\-]+(?:\s+[a-z][a-z'\-\.]*){0,3})`),
		regexp.MustCompile(`\b(?:i'm|i am|it's)\s+()([a-z][a-z'\-]+(?:\s+[a-z][a-z'\-]+){0,3})`),
		regexp.MustCompile(`(?:^|[.,!?] ?|hi |hello )()([a-z][a-z'\-]+(?:\s+[a-z][a-z'\-]+){0,2})\s+(?:speaking|here)\b`),
		// whom money went to: "sent Peter Walsh £250", "a transfer of 300 to Anna Novak"
		regexp.MustCompile(`\b(?:sent|send|paid|pay|wired|wire|transferred|transfer)\s+()([a-z][a-z'\-]+(?:\s+[a-z][a-z'\-]+){0,2})\s+(?:[$£€¥\d]|an?\b|the\b|my\b|some\b)`),
		regexp.MustCompile(`\b(?:sent|send|paid|pay|payment|wired|wire|transferred|transfer)\s[^,.;?!]{0,40}?\bto\s+()([a-z][a-z'\-]+(?:\s+[a-z][a-z'\-]+){0,2})`),
		// behind a word for a relative: "my husband Tom Baker"
		regexp.MustCompile(`\bmy ` + anyOf("en", "relatives") + `,?\s+(?:is |called |is called )?()([a-z][a-z'\-]+(?:\s+[a-z][a-z'\-]+){0,2})`),
	}
	notName    = wordSet("en", "not_names")
	givenNames = wordSet("en", "given_names")
)

func (s *search) names() {
	for _, re := range map[string][]*regexp.Regexp{"zh": append([]*regexp.Regexp{zhFirm}, zhName...), "ja": jaName}[s.lang] {
		for _, m := range re.FindAllStringSubmatchIndex(s.view.s, -1) {
			if m[2] >= 0 {
				s.add(Name, strings.TrimSpace(s.view.said(m[2], m[3])), m[2], m[3], true)
			}
		}
	}
	for i, re := range enName {
		for _, m := range re.FindAllStringSubmatchIndex(s.view.s, -1) {
			s.enName(i, m)
		}
	}
}

// payee is the first of the forms of enName that name somebody else, whose name
// must be written with capitals: whom money went to, and relatives.
const payee = 3

// enName takes one match: m are the places of the whole, of a title and of the
// words that may be a name. Behind "I'm …" and the like they must look like one.
func (s *search) enName(form int, m []int) {
	from := m[4]
	to := nameEnd(s.view.s, from, m[5])
	if form >= payee {
		to = s.capitals(from, to)
	}
	if to <= from {
		return
	}
	name := s.view.said(from, to)
	lead, rest := s.view.s[m[0]:m[4]], strings.TrimSpace(s.view.s[to:])
	risky := form > 0 || strings.HasPrefix(lead, "this is") || strings.HasPrefix(lead, "call me") || strings.HasPrefix(lead, "it's under")
	first, _, _ := strings.Cut(s.view.s[from:to], " ")
	speaks := form != 2 && (strings.HasPrefix(rest, "speaking") || strings.HasPrefix(rest, "here"))
	capital := unicode.IsUpper([]rune(name)[0]) && form != 2
	if risky && !capital && !speaks && !givenNames[first] && s.opt.Pending != Name {
		return
	}
	s.add(Name, name, from, to, true)
}

// capitals cuts a run of words where one is written small; a given name alone may
// be, but then nothing follows it.
func (s *search) capitals(from, to int) int {
	end := from
	for at := from; at < to; {
		next := at
		for next < to && s.view.s[next] != ' ' {
			next++
		}
		if !unicode.IsUpper([]rune(s.view.said(at, next))[0]) {
			break
		}
		end = next
		for at = next; at < to && s.view.s[at] == ' '; at++ {
		}
	}
	if first, _, _ := strings.Cut(s.view.s[from:to], " "); givenNames[first] {
		return max(end, from+len(first))
	} else if end <= from+len(first) {
		return from // one word with a capital may be a bank or a town
	}
	return end
}

// nameEnd cuts a run of words where a word is not part of a name.
func nameEnd(text string, from, to int) int {
	end := from
	for at := from; at < to; {
		next := at
		for next < to && text[next] != ' ' {
			next++
		}
		w := strings.Trim(text[at:next], ".'")
		if notName[w] || w == "" {
			break
		}
		end = next
		at = next
		for at < to && text[at] == ' ' {
			at++
		}
	}
	return end
}
