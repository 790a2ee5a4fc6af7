import { mount } from 'svelte';

import App from './App.svelte';

import './app.css';

// A style sheet that could not be fetched is asked for again by the next attempt: by its link, Vite would take it for loaded.
window.addEventListener('error', ({ target }) => target instanceof HTMLLinkElement && target.remove(), { capture: true });

mount(App, { target: document.getElementById('app')! });
