import { mount } from 'svelte';

import { watchStyles } from '$lib/styles';

import App from './App.svelte';

import './app.css';

watchStyles();

mount(App, { target: document.getElementById('app')! });
