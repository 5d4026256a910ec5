-- Signing in, before the tenant is known.
select org_id, user_id, credential, public_key, sign_count
from public.passkey_owner(%(credential_id)s)
