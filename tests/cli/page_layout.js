/*
 * Looks at a page in a frame, and tells the frame's owner what overlaps or is cut off: every piece of text by the
 * rectangles of its lines, as far as its boxes show them. What a box that scrolls does not show is not cut off.
 * It looks when it is loaded, and again at each message.
 */
'use strict';
function look() {
	const bad = [], seen = [];
	const edge = 1.5; /* px: what glyphs may stick out of their line */
	const clips = new Map();

	function clip_of(element) {
		if (!clips.has(element)) {
			const style = getComputedStyle(element);
			clips.set(element, {
				scrolls: /auto|scroll/.test(style.overflow), hides: /hidden|clip/.test(style.overflow),
				unseen: style.clipPath !== 'none', rect: element.getBoundingClientRect(),
			});
		}
		return clips.get(element);
	}
	/* What is to be seen of it; null: nothing. */
	function shown(text, rect) {
		let { left, top, right, bottom } = rect;
		for (let e = text.parentElement; e; e = e.parentElement) {
			const clip = clip_of(e);
			if (clip.unseen)
				return null;
			if (clip.hides && (left < clip.rect.left - edge || right > clip.rect.right + edge || top < clip.rect.top - edge || bottom > clip.rect.bottom + edge))
				bad.push(`cut off: '${text.data}' by .${e.className}`);
			if (clip.scrolls)
				[left, top, right, bottom] = [Math.max(left, clip.rect.left), Math.max(top, clip.rect.top), Math.min(right, clip.rect.right), Math.min(bottom, clip.rect.bottom)];
			if (left >= right || top >= bottom)
				return null;
		}
		return { left, top, right, bottom };
	}
	const walker = document.createTreeWalker(document.getElementById('page'), NodeFilter.SHOW_TEXT);
	while (walker.nextNode()) {
		const text = walker.currentNode, range = document.createRange();
		if (!text.data.trim())
			continue;
		range.selectNodeContents(text);
		for (const rect of range.getClientRects()) {
			const part = shown(text, rect);
			if (part)
				seen.push({ text, ...part });
		}
	}
	seen.sort((a, b) => a.top - b.top);
	for (let i = 0; i < seen.length; i++)
		for (let k = i + 1; k < seen.length && seen[k].top < seen[i].bottom - edge; k++) {
			const [a, b] = [seen[i], seen[k]];
			if (a.text !== b.text && Math.min(a.right, b.right) - Math.max(a.left, b.left) > edge && Math.min(a.bottom, b.bottom) - b.top > edge)
				bad.push(`overlap: '${a.text.data}' and '${b.text.data}'`);
		}
	const root = document.documentElement;
	if (root.scrollWidth > root.clientWidth)
		bad.push(`wider than the window: ${root.scrollWidth} in ${root.clientWidth}`);
	for (const e of document.querySelectorAll('.box'))
		if (e.getBoundingClientRect().right > root.clientWidth)
			bad.push('a box sticks out');
	parent.postMessage({ title: document.title, width: root.clientWidth, texts: seen.length, bad: bad.slice(0, 8) }, '*');
}
addEventListener('load', () => setTimeout(look, 300));
addEventListener('message', () => setTimeout(look, 300));
