package entity

import (
	"regexp"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// compact takes the separators out of a code and raises its letters.
func compact(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r >= 'a' && r <= 'z' {
			r -= 'a' - 'A'
		}
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func digitsOf(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			n++
		}
	}
	return n
}

var (
	email = regexp.MustCompile(`[a-z0-9][a-z0-9._%+\-]*@[a-z0-9][a-z0-9\-]*(?:\.[a-z0-9\-]+)+`)
	// saidEmail is an address as it is spelled aloud: "john dot smith at gmail
	// dot com", "zhang 艾特 qq 点 com", "taro アットマーク example ドット jp".
	saidEmail = regexp.MustCompile(`([a-z0-9][a-z0-9._\-]*(?: ?(?:dot|点|ドット|underscore|下划线|アンダーバー|アンダースコア) ?[a-z0-9._\-]+)*)` +
		` ?(?: at | ?@ ?|艾特|at的?符号|圈a|アットマーク|アット) ?` +
		`([a-z0-9\-]+(?: ?(?:\.|dot|点|ドット) ?[a-z0-9\-]+)* ?(?:\.| dot |点|ドット) ?(?:com|net|org|cn|jp|co|io|edu|info|uk|de|fr|in|hk|tw))\b`)
	saidMark = strings.NewReplacer("アンダースコア", "_", "アンダーバー", "_", "underscore", "_", "下划线", "_",
		"dot", ".", "点", ".", "ドット", ".", " ", "")
)

func (s *search) emails() {
	for _, m := range email.FindAllStringIndex(s.view.s, -1) {
		s.add(Email, strings.TrimRight(s.view.s[m[0]:m[1]], ".-"), m[0], m[1], true)
	}
	if !strings.ContainsAny(s.view.s, "@艾圈") && !strings.Contains(s.view.s, "at") && !strings.Contains(s.view.s, "アット") {
		return
	}
	for _, m := range saidEmail.FindAllStringSubmatchIndex(s.view.s, -1) {
		name, host := saidMark.Replace(s.view.s[m[2]:m[3]]), saidMark.Replace(s.view.s[m[4]:m[5]])
		s.add(Email, name+"@"+host, m[0], m[1], true)
	}
}

// A code behind its name: letters and digits with single separators. Letters
// may stand apart from their digits ("kyf 176").
const (
	codeText = `((?:[a-z]{1,5}[ \-/_#.]?)?\d` + codeRest + `)`
	codeRest = `(?:[a-z0-9]|[\-/_.][a-z0-9]|[ ]\d|[ ](?:[a-z]\d|[a-z]{1,2}(?:\d| \d)))*`
	behind   = `(?:\s*(?:number|no|num|nr|id|code|ref|reference|#|№|号码|编号|号|番号|コード|ナンバー)[.:]?)*` +
		`(?:\s*(?:is|was|are|of|to|it's|its|that's|reads|says|should be|would be|for you is|there is|here|this|就是|应该是|是|为|是的|は|が|って|の方は|ですが|だと|：|:|=|,|，|、|-|\(|「|"|'|#|um|uh|er|那个|嗯|呃|えっと|えー|えーと|あの|です))*\s*`
)

var (
	cardTailNamed = regexp.MustCompile(`(?:(?:ending|ends|end|finishing|finishes)(?: (?:in|with|on|at))?|last (?:four|4|three|3)(?: (?:digits|numbers|nos?))?(?: (?:of|on) (?:my|the|that)(?: \w+){0,2})?|` +
		`尾号|尾數|尾数|末四位|后四位|後四位|后4位|末4位|卡号最后四位|最后四位|最后4位|` +
		`下4桁|下四桁|末尾4桁|末尾四桁|末尾|下よんけた|下4けた|下3桁|後ろ4桁)` + behind + `(\d(?:[ -]?\d){2,3})(?:\D|$)`)
	trackingNamed = regexp.MustCompile(`(?:tracking|waybill|airway ?bill|awb|consignment|parcel (?:number|no|id)|courier (?:number|no|id)|shipment (?:number|no|id)|` +
		`快递单?号?码?|运单号?码?|物流单?号?码?|快遞單號|运输单号|追跡番号|追跡ナンバー|送り状番号|送り状|伝票番号|伝票|お問い?合わ?せ番号|問い合わせ番号|荷物番号|配送番号)` + behind + codeText)
	orderNamed = regexp.MustCompile(`(?:\border|\bconfirmation|\bpurchase|\breference|\bref\b|\bapplication|\bapp\b|\bticket|\bcase\b|\breceipt|\brefund|\breturn|\brma|\bbooking|\btransaction|\bclaim|\bcomplaint|\binvoice|\brequest|\bpo\b|\bserial|` +
		`订单|訂單|单号|單號|定单|编号|工单|受理|申请|小票|退款|退货|换货|流水|参考|凭证|业务|预约|报修|交易|` +
		`注文|オーダー|受付|申込|申し込み|申請|レシート|照会|返品|返金|受注|予約|整理|管理|取引|お客様番号|交換|ご注文|依頼)` + behind + codeText)
	parcelNamed = regexp.MustCompile(`\b(?:parcel|package|shipment|包裹|荷物)` + behind + `([a-z0-9]{8,20})\b`)
	phoneNamed  = regexp.MustCompile(`(?:phone|mobile|cell|cellphone|telephone|tel|call me(?: back)?(?: on| at)?|reach me(?: on| at)?|contact(?: me)?(?: on| at)?|ring me(?: on| at)?|whatsapp|` +
		`手机|电话|手機|電話|联系方式|联系|打给我|打我|回电|携帯|ケータイ|連絡先|tel)` + strings.Replace(behind, `|\(`, "", 1) + `(\+?\(?\d(?:[ \-.()の]{0,2}\d){6,14})`)
	caseWord = regexp.MustCompile(`^(?:in|on|at|to|of|for|is|the|and|or|by|my|no|a|an|from|i|was|its|it|with|but|not|pm|am|usd|rmb|jpy|about|over|paid|cost|only|past|since|than|like|have|had|got|been|took|will|day|days|these|those|all|are|has|you|we|did|do|so|if|as|item|items|iphone|size|ps|model|v|mp|covid|4g|5g)[ \-/_#.]`)
)

func (s *search) namedCodes() {
	for _, m := range cardTailNamed.FindAllStringSubmatchIndex(s.view.s, -1) {
		s.add(CardTail, compact(s.view.s[m[2]:m[3]]), m[2], m[3], true)
	}
	for _, p := range []struct {
		kind Kind
		re   *regexp.Regexp
	}{{TrackingNumber, trackingNamed}, {OrderNumber, orderNamed}} {
		for _, m := range p.re.FindAllStringSubmatchIndex(s.view.s, -1) {
			s.namedCode(p.kind, m[2], m[3])
		}
	}
	for _, m := range parcelNamed.FindAllStringSubmatchIndex(s.view.s, -1) {
		if code := compact(s.view.s[m[2]:m[3]]); len(code) >= 8 && digitsOf(code) < len(code) {
			s.namedCode(TrackingNumber, m[2], m[3])
		}
	}
	for _, m := range phoneNamed.FindAllStringSubmatchIndex(s.view.s, -1) {
		if d := digitsOf(s.view.s[m[2]:m[3]]); d >= 7 && d <= 15 {
			s.add(Phone, s.phoneValue(s.view.s[m[2]:m[3]]), m[2], m[3], true)
		}
	}
}

// namedCode takes a code whose name was said, unless what follows is a date, an
// amount or a length of time.
func (s *search) namedCode(kind Kind, from, to int) {
	text := s.view.s[from:to]
	if at := caseWord.FindStringIndex(text); at != nil {
		from, text = from+at[1], text[at[1]:]
	}
	if s.measured(from, to) || digitsOf(text) < 3 && len(compact(text)) < 4 {
		return
	}
	s.add(kind, compact(text), from, to, true)
}

var (
	measureAfter  = regexp.MustCompile(`^\s*(?:days?|weeks?|hours?|hrs?|minutes?|mins?|months?|years?|times|items?|pieces?|pcs|people|dollars?|bucks|pounds?|euros?|yuan|rmb|yen|usd|gb|mb|g\b|kg|cm|%|percent|am\b|pm\b|o'clock|元|块|圓|円|天|个|個|件|次|日|号(?:$|[^码楼])|月|年|点|分|小时|周|岁|斤|万|人|名|回|本|枚|時|歳|点|ギガ|か月|ヶ月|週間|%|折|倍|楼|层|块钱)`)
	measureBefore = regexp.MustCompile(`(?:[$£€¥￥]|rmb|usd|rs\.?|inr|hk\$|nt\$)\s*$`)
	yearOnly      = regexp.MustCompile(`^(?:19|20)\d\d$`)
)

// measured tells that a number counts or costs something.
func (s *search) measured(from, to int) bool {
	return measureAfter.MatchString(s.view.s[to:]) || measureBefore.MatchString(s.view.s[:from]) ||
		looksLikeDate.MatchString(s.view.s[from:to])
}

var looksLikeDate = regexp.MustCompile(`^(?:(?:19|20)\d\d[\-/.](?:0?[1-9]|1[0-2])[\-/.](?:0?[1-9]|[12]\d|3[01])|(?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12]\d|3[01])/(?:19|20)?\d\d)$`)

// Telephone numbers that are known by their form alone.
var phoneForms = map[string]*regexp.Regexp{
	"CN": regexp.MustCompile(`(?:\+?86[ \-]?|0086[ \-]?)?1[3-9]\d(?:[ \-]?\d){8}|(?:\(0\d{2,3}\)|0\d{2,3})[ \-]?[2-8]\d{6,7}|400[ \-]?\d{3}[ \-]?\d{4}`),
	"JP": regexp.MustCompile(`(?:\+81[ \-]?|0)[5789]0[ \-の]?\d{4}[ \-の]?\d{4}|0\d{1,4}[\-の(]\d{1,4}[\-の)]\d{4}|0120[ \-の]?\d{3}[ \-の]?\d{3}`),
	"US": regexp.MustCompile(`(?:\+?1[ \-.]?)?\(\d{3}\)[ \-.]?\d{3}[ \-.]?\d{4}|(?:\+?1[ \-.])?\d{3}[\-. ]\d{3}[\-. ]\d{4}|07\d{3}[ \-]?\d{3}[ \-]?\d{3}`),
	"":   regexp.MustCompile(`\+\d{1,3}(?:[ \-.]?\(?\d{1,4}\)?){2,5}`),
}

func (s *search) phones() {
	for _, country := range []string{"", s.opt.Country, "US"} {
		re := phoneForms[country]
		if re == nil {
			continue
		}
		for _, m := range re.FindAllStringIndex(s.view.s, -1) {
			if s.partOfCode(m[0], m[1]) || s.opt.Pending == OrderNumber || s.opt.Pending == TrackingNumber {
				continue
			}
			if d := digitsOf(s.view.s[m[0]:m[1]]); d >= 8 && d <= 15 {
				s.add(Phone, s.phoneValue(s.view.s[m[0]:m[1]]), m[0], m[1], false)
			}
		}
	}
}

// partOfCode tells that letters or digits go on before or behind.
func (s *search) partOfCode(from, to int) bool {
	alnum := func(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' }
	return from > 0 && (alnum(s.view.s[from-1]) || s.view.s[from-1] == '-') || to < len(s.view.s) && (alnum(s.view.s[to]) || s.view.s[to] == '-')
}

// phoneValue is a number without separators; a prefix of the own country goes.
func (s *search) phoneValue(raw string) string {
	digits := compact(strings.ReplaceAll(raw, "の", ""))
	if !strings.HasPrefix(raw, "+") && !strings.HasPrefix(digits, "00") {
		if s.opt.Country == "CN" && len(digits) == 13 && strings.HasPrefix(digits, "86") {
			return digits[2:]
		}
		return digits
	}
	n, err := phonenumbers.Parse("+"+strings.TrimPrefix(digits, "00"), s.opt.Country)
	if err != nil {
		return digits
	}
	if phonenumbers.GetRegionCodeForNumber(n) == s.opt.Country {
		return compact(phonenumbers.Format(n, phonenumbers.NATIONAL))
	}
	return "+" + strings.TrimPrefix(digits, "00")
}

// Carriers' forms of tracking numbers (UPS, UPU S10, SF, YTO, JD, ZTO, STO).
var trackingForms = regexp.MustCompile(`\b(?:1z[0-9a-z]{16}|[a-z]{2}\d{9}[a-z]{2}|sf\d{12,15}|yt\d{13,15}|jd[a-z]{0,2}\d{10,15}|zto\d{10,14}|sto\d{10,14}|tba\d{12}|7\d{13})\b`)

func (s *search) trackingNumbers() {
	for _, m := range trackingForms.FindAllStringIndex(s.view.s, -1) {
		s.add(TrackingNumber, compact(s.view.s[m[0]:m[1]]), m[0], m[1], false)
	}
}

var bareCode = regexp.MustCompile(`(?:[a-z]{1,5}[ \-/_#.]?)?\d[a-z0-9]*(?:[\-/_. ][a-z]{0,2}\d[a-z0-9]*)*`)

// bareCodes are codes that nothing names. They become what was asked for, or
// what the topic wants, if they look like it; otherwise only codes with letters
// and digits and long digit strings are taken, as order numbers.
func (s *search) bareCodes() {
	for _, m := range bareCode.FindAllStringIndex(s.view.s, -1) {
		from, to := m[0], m[1]
		for {
			at := caseWord.FindStringIndex(s.view.s[from:to])
			if at == nil {
				break
			}
			from += at[1]
		}
		tail := from > 0 && s.view.s[from-1] == '\'' // "it's 61077"
		if letters, _, apart := strings.Cut(s.view.s[from:to], " "); apart && digitsOf(letters) == 0 && (tail || s.opt.Pending != OrderNumber && s.opt.Pending != TrackingNumber) {
			from += len(letters) + 1 // "order 4711": a word, unless a code was asked for
		}
		if from >= to || !s.free(from, to) || from > 0 && s.view.s[from-1] >= 'a' && s.view.s[from-1] <= 'z' {
			continue
		}
		s.bareCode(from, to)
	}
}

func (s *search) bareCode(from, to int) {
	text := s.view.s[from:to]
	code := compact(text)
	digits, mixed := digitsOf(code), digitsOf(code) < len(code)
	if digits == 0 || len(code) > 32 {
		return
	}
	switch s.opt.Pending {
	case OrderNumber, TrackingNumber:
		if len(code) >= 3 && (!s.measured(from, to) || len(code) > 5) {
			s.add(s.opt.Pending, code, from, to, false)
		}
		return
	case CardTail:
		if !mixed && digits >= 3 && digits <= 4 {
			s.add(CardTail, code, from, to, false)
		} else if !mixed && digits >= 12 && digits <= 19 { // the whole number was said: only its end is kept
			s.add(CardTail, code[len(code)-4:], from, to, false)
		}
		return
	case Phone:
		if !mixed && digits >= 6 && digits <= 15 {
			s.add(Phone, s.phoneValue(text), from, to, false)
		}
		return
	case Amount, Date:
		return
	}
	if s.measured(from, to) || yearOnly.MatchString(code) || !mixed && digits >= 15 && digits <= 19 && !s.wants(OrderNumber) {
		return
	}
	for _, kind := range s.opt.Wanted {
		switch {
		case kind == CardTail && !mixed && digits == 4,
			kind == OrderNumber && (digits >= 5 || mixed && digits >= 3 && len(code) >= 5),
			kind == TrackingNumber && digits >= 8:
			s.add(kind, code, from, to, false)
			return
		}
	}
	if mixed && digits >= 4 && len(code) >= 6 || !mixed && digits >= 8 {
		s.add(OrderNumber, code, from, to, false)
	}
}
