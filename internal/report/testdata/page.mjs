// Opens a report in Chromium as readers have it: wide and narrow, light, dark and
// printed. Writes what it saw as JSON, one member for each way; with SHOTS it leaves
// pictures there.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(join(process.env.NPM_MODULES, 'x.js'));
const puppeteer = require('puppeteer-core');
const file = pathToFileURL(process.argv[2]).href;

const browser = await puppeteer.launch({
	executablePath: process.env.CHROMIUM,
	userDataDir: process.env.PROFILE,
	args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

// Runs in the page: what of its text is too faint, what sticks out, and what is there.
function look() {
	const color = (text) => {
		const c = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
		c.fillStyle = text;
		c.fillRect(0, 0, 1, 1);
		const d = c.getImageData(0, 0, 1, 1).data;
		return [d[0], d[1], d[2], d[3] / 255];
	};
	const luminance = ([r, g, b]) => {
		const f = (v) => ((v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b);
	};
	const below = (el) => {
		for (; el; el = el.parentElement) {
			const c = color(getComputedStyle(el).backgroundColor);
			if (c[3] === 1) return c;
		}
		return [255, 255, 255, 1];
	};
	const faint = new Set();
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n = walker.nextNode(); n; n = walker.nextNode()) {
		const el = n.parentElement;
		if (!n.data.trim() || el.namespaceURI.endsWith('svg')) continue;
		const a = luminance(color(getComputedStyle(el).color));
		const b = luminance(below(el));
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < 4.5) faint.add(`${el.tagName}.${el.className} ${ratio.toFixed(2)}: ${n.data.trim().slice(0, 40)}`);
	}
	return {
		faint: [...faint],
		overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
		text: document.body.innerText,
		scripts: document.scripts.length,
		images: document.images.length,
		background: getComputedStyle(document.body).backgroundColor,
		fixShown: [...document.querySelectorAll('details')].every((d) => [...d.children].every((c) => c.tagName === 'SUMMARY' || c.checkVisibility({ contentVisibilityAuto: true }))),
	};
}

const seen = {};
for (const [name, width, scheme, media] of [
	['light', 1280, 'light', 'screen'], ['dark', 1280, 'dark', 'screen'], ['light-narrow', 400, 'light', 'screen'], ['dark-narrow', 400, 'dark', 'screen'], ['print', 720, '', 'print'],
]) {
	const page = await browser.newPage();
	const requests = [];
	const complaints = [];
	page.on('request', (r) => requests.push(r.url()));
	page.on('dialog', (d) => { complaints.push('dialog ' + d.message()); d.dismiss(); });
	page.on('console', (m) => complaints.push(m.text()));
	page.on('pageerror', (e) => complaints.push(String(e)));
	await page.setViewport({ width, height: 900 });
	// Each of the two calls takes back the other.
	if (media === 'print') await page.emulateMediaType(media);
	else await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
	await page.goto(file, { waitUntil: 'load' });
	seen[name] = { ...(await page.evaluate(look)), requests: requests.filter((u) => u !== file), complaints };
	if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, name + '.png'), fullPage: true });
	if (process.env.SHOTS && name === 'light') await page.screenshot({ path: join(process.env.SHOTS, 'fold.png') });
	if (media === 'print' && process.env.PDF) {
		const pdf = await page.pdf({ format: 'A4', path: process.env.SHOTS && join(process.env.SHOTS, 'print.pdf') });
		seen[name].pdf = pdf.length;
	}
	await page.close();
}
await browser.close();
console.log(JSON.stringify(seen));
