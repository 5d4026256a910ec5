-- rule: policy-missing-for-command
-- object: public.webauthn_credentials
-- plants: the application may update passkeys, and no policy lets it: no sign-in is ever counted
drop policy app_update on public.webauthn_credentials;
